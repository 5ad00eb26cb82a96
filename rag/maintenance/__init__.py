"""What keeps an index whole: proving it, making it anew, backing it up and putting it back."""
