"""How a C function branches and nests. Works on text whose comments and literals are blanked."""

import re

_TOKEN = re.compile(r"[A-Za-z_]\w*|&&|\|\||[{}();?:]|\S")
_BRANCH = re.compile(r"\b(?:if|for|while|case)\b|\?|&&|\|\|")
_CONTROL = {"if", "for", "while", "switch"}


def branches(text):
    """Decisions: if, for, while, case, ?:, && and ||. A do-while counts once, by its while."""
    return len(_BRANCH.findall(text))


class _Parser:
    """Follows statements, not indentation: a body without braces nests as one with them does."""

    def __init__(self, text):
        self.tokens = _TOKEN.findall(text)
        self.at = 0
        self.deepest = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def balanced(self):
        """Skip (...) or {...} whose opening token is next."""
        depth = 0
        while self.peek() is not None:
            depth += self.peek() in "({"
            depth -= self.peek() in ")}"
            self.at += 1
            if depth == 0:
                return

    def block(self, depth):
        self.at += 1
        while self.peek() not in (None, "}"):
            self.statement(depth)
        self.at += 1

    def body(self, depth):
        """The body of a control statement, one level below `depth`."""
        self.deepest = max(self.deepest, depth + 1)
        if self.peek() == "{":
            self.block(depth + 1)
        else:
            self.statement(depth + 1)

    def expression(self, depth):
        """Up to `;`, or up to a block when a macro that looks like a loop stands before one."""
        macro = re.match(r"(?!return\b)[A-Za-z_]", self.peek() or "") is not None
        first = self.at
        while self.peek() not in (None, ";", "}"):
            if self.peek() == ":" and self.at - first <= 1:
                self.at += 1
                return
            if self.peek() in ("(", "{"):
                call = self.peek() == "(" and self.at == first + 1
                self.balanced()
                if macro and call and self.peek() == "{":
                    self.body(depth)
                    return
            else:
                self.at += 1
        if self.peek() == ";":
            self.at += 1

    def branch(self, depth):
        """if (...) body else body; "else if" is the same level."""
        self.at += 1
        self.balanced()
        self.body(depth)
        while self.peek() == "else":
            self.at += 1
            if self.peek() == "if":
                self.at += 1
                self.balanced()
            self.body(depth)

    def statement(self, depth):
        token = self.peek()
        if token == "{":
            self.body(depth)
        elif token == "if":
            self.branch(depth)
        elif token in _CONTROL:
            self.at += 1
            self.balanced()
            self.body(depth)
        elif token == "do":
            self.at += 1
            self.body(depth)
            self.expression(depth)
        elif token in ("case", "default"):
            while self.peek() not in (None, ":"):
                self.at += 1
            self.at += 1
        elif token == "else":
            self.at += 1
        else:
            self.expression(depth)


def nesting(text):
    """Levels of control statements and bare blocks inside the function that starts in `text`."""
    start = text.find("{")
    if start < 0:
        return 0
    parser = _Parser(text[start:])
    parser.block(0)
    return parser.deepest
