"""One module per verb of `camtrap`: flags in, one call of a public function."""
