"""The model: protocols that plugins implement, their composition, and the folder it is stored in."""
