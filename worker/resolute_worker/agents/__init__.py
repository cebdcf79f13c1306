"""What agents are given to work with: nodes and flows as tools of the Model Context Protocol."""
