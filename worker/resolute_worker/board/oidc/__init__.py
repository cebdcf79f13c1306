"""Logging in to the board with OpenID Connect: the authorization code flow, with PKCE and a nonce."""
