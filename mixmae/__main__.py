"""``python -m mixmae``: the command ``mixmae`` of this interpreter."""

from mixmae.cli.command import main

if __name__ == '__main__':
    main()
