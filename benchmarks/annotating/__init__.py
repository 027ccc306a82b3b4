"""What `annotate.py` needs: an endpoint on loopback, four clients of it, and what starts, watches and kills these."""
