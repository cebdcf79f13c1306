"""What `resolute` brings to every pytest that can import it."""
