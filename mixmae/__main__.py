"""``python -m mixmae``: the command ``mixmae`` of this interpreter."""

from mixmae.cli.subcommands import main

if __name__ == '__main__':
    main()
