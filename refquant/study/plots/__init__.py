"""What all figures share: style, PNG, SVG. Each command and each lesson has its own figures beside it."""
