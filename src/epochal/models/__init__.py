"""Small reference networks, and the door to torchvision and timm."""
