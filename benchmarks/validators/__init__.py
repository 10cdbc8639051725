"""How fast is a verdict, and does it leave anything behind?"""
