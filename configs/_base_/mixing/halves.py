# Scans of a batch swap halves, for a config whose method has no hooks of its own: the labelled points alone, or full
# supervision.
method_hooks = [dict(type='MixHalvesHook')]
