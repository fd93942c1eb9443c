"""What the operating system gives: files that appear whole, processes that can be told apart, locks, a clock."""
