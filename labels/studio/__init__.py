"""Label Studio. In go articles and a model's suggestions, out come annotators' votes.

views          labelling screens, derived from the scheme
tasks          articles → tasks
answers        answers → the corpus
server         a server's client: create, push, pull, predict; the only importer of label_studio_sdk
pull           a project's annotations → a corpus folder
local_server   a server on this machine: install, start, stop
"""
