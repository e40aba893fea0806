"""What must hold on an accelerator: kernels, networks, processes, a resumed training, and what ERDA costs there."""
