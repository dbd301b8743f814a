"""Extensions of mixmae, as shown in docs/extending.md."""
