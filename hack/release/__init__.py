"""What a release gives out, into dist/: `python -m hack.release`.

The wheel and the sdist; the plugin as an archive for krew, one for each platform, and krew's manifest of them; the
manifests as one file; the checksums of it all. The same tree gives the same bytes.
"""
