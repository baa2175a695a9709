"""maker: small open models, made right more often by voting on what their code does."""

__version__ = "0.1.0"
