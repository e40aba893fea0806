import torch


def assert_same_with_gradients(found, expected, inputs, **tolerance):
    """The same values, and for a random gradient the same gradients to the inputs."""
    torch.testing.assert_close(found, expected, **tolerance)
    grad = torch.randn_like(expected)
    for a, b in zip(torch.autograd.grad(found, inputs, grad, retain_graph=True),
                    torch.autograd.grad(expected, inputs, grad, retain_graph=True)):
        torch.testing.assert_close(a, b, **tolerance)
