from .prototype_pseudo_labeler import PrototypePseudoLabeler

__all__ = ['PrototypePseudoLabeler']
