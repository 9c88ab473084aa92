"""Training under DeepSpeed ZeRO: packed rows, a plain loop, exact resumption, export."""
