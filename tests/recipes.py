"""The recipe of tests that train a network for some seconds."""

from camtrap_tf.core.config import AugmentConfig, Config, ModelConfig, TrainConfig
from camtrap_tf.core.recipes import step_schedule

SMALL = Config(
    model=ModelConfig(architecture="small", crop=112),
    augment=AugmentConfig(brightness=30.0, contrast=(0.6, 1.5)),
    train=TrainConfig(epochs=20, batch_size=32, schedule=step_schedule(20, 0.05, 0.0005)),
)
