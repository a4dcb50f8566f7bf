"""What the tests of the checks share."""


def says(message: str, said: str) -> bool:
    """Whether the message contains said, and begins as said does: Right, Not answered yet, or else Not yet."""
    kind = said.partition(":")[0]
    return said in message and message.startswith(f"{kind if kind in ('Right', 'Not answered yet') else 'Not yet'}: ")
