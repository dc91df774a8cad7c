"""The screens and dialogs. A screen puts widgets together and binds keys; what it shows is computed elsewhere."""
