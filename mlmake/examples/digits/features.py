"""What a model sees of an image; it travels inside the model, so that whoever asks the model sends plain pixels."""

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler


def pipeline(estimator: BaseEstimator) -> Pipeline:
    """The estimator behind the features: every pixel scaled to 0…1."""
    return make_pipeline(MaxAbsScaler(), estimator)
