"""Object storage: addresses, whether somebody answers there, the bucket and its posture."""
