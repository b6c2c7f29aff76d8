"""Networks, the runs that train them and the bundles that hold them."""
