"""What devices do: measured here, or fitted from published figures."""
