"""Features to pseudo-label logits: prototypes, queries, and the baselines that they must beat."""
from .prediction_pseudo_labeler import PredictionPseudoLabeler
from .propagated_prior import propagated_prior
from .prototype_pseudo_labeler import PrototypePseudoLabeler
from .query_pseudo_labeler import QueryPseudoLabeler

__all__ = ['PredictionPseudoLabeler', 'PrototypePseudoLabeler', 'QueryPseudoLabeler', 'propagated_prior']
