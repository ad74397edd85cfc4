"""Label Studio: articles and a model's suggestions go in; annotators' votes come out.

views          labelling screens, derived from the scheme
tasks          articles → tasks
answers        answers → the corpus
server         the client of a server: create, push, pull, predict; the only importer of label_studio_sdk
pull           a project's annotations → a corpus folder
local_server   a server on this machine: install, start, stop
"""
