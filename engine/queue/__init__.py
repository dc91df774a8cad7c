"""Who trains what, when: runs are claimed and handed to this process or to one of its own, several at once or in turn.

Studies and expected times are here, since they are about what is to be trained; how one run is lived is `engine.run`.
"""
