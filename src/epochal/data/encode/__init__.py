"""How texts and columns of a table become numbers, as the training split has them."""
