"""Adapters to the tools people already use; each module needs the library it is named after."""
