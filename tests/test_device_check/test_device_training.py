from erda.device_check.made_batches import made_batch
from erda.device_check.training import Training


def test_class_weights_that_a_training_would_count(tmp_path):
    config = tmp_path / 'weighted.py'
    config.write_text("_base_ = 'erda::minkunet_erda_1pct_mini.py'\n"
                      "model = dict(decode_head=dict(loss_decode=dict(class_weight='weak')))\n")
    assert Training(str(config), 'cpu', classes=5).step(made_batch(400, 5, seed=0)) > 0
