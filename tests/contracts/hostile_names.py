"""Names that readers of files must refuse."""

# Names that fit in a line of text.
HOSTILE_TEXT = [
    '/etc/passwd.jpg',
    '//server/share/a.jpg',
    '../secret.jpg',
    'a/../../secret.jpg',
    'a/b/../c.jpg',
    '..',
    '..\\secret.jpg',
    'a\\..\\..\\secret.jpg',
    'C:\\secret.jpg',
    'C:/secret.jpg',
    'c:secret.jpg',
    '\\\\server\\share\\a.jpg',
    '\\secret.jpg',
    'a\0.jpg',
    'a\x1b[2J.jpg',
    'a\x7f.jpg',
    'a\x85.jpg',
    'a\tb.jpg',
    'http://169.254.169.254/a.jpg',
    's3://bucket/a.jpg',
    'file:///etc/passwd.jpg',
]
HOSTILE = [*HOSTILE_TEXT, '', ' ', 'a\nb.jpg', 'a\r.jpg']
