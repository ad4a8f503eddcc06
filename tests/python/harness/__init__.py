"""What the tests of this suite share: a server of their own, people in rooms, sound and pictures."""
