"""The cascade and its networks as files that other programs run, without this project.

cascade: all of detection at one size of canvas, by `jax.export`, and what it takes and gives.
networks: P-Net, R-Net and O-Net as graphs of ONNX.
"""
