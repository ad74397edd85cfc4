"""Servers: articles come in over HTTP, their labels go out.

command    the serve command
web        the reading page and the JSON API
bodies     read what clients send, within limits
batcher    tag requests that come at the same time together
backend    the ML backend that Label Studio calls
guard      refuse requests of other sites, for other hosts, or without the password
"""
