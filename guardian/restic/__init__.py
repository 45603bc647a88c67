"""The restic program: asked, listened to, and never taken at its exit code alone."""
