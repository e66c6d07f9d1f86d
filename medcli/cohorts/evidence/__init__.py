"""What the data say of themselves: doubles, odd images, missing facts, and what images are like."""
