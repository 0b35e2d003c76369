"""`neucam-batch`: every capture of a tree of folders, on the cores of this machine or of a cluster."""
