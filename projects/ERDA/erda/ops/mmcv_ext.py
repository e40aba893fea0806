import sys, types, importlib
def _missing(name):
    def op(*a, **k):
        raise NotImplementedError(name)
    op.__name__ = name
    return op
class _M(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return _missing(name)
def install_mmcv_ext():
    import mmcv
    try:
        importlib.import_module('mmcv._ext'); return False
    except ImportError: pass
    m = _M('mmcv._ext'); sys.modules['mmcv._ext'] = m; mmcv._ext = m
    return True
