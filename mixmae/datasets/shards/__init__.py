"""Images packed into tar files, and the index that finds each of them."""
