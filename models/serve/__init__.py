"""Servers. In come articles over HTTP, out go their labels.

command    the serve command
web        the reading page and the JSON API
bodies     what clients send, within limits
batcher    requests that come together are tagged together
backend    the model behind Label Studio's page
"""
