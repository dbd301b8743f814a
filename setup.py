"""Build and install mixmae, with its configs and tools where mim looks.

OpenMMLab's ``mim`` expects ``mixmae/.mim/{configs,tools,model-index.yml}``:
links in an editable install, copies in a wheel. A wheel is built from the
copies at the root of the repository, so the sdist carries them there.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# onedl-mim takes the folder of the first line in RECORD for the package.
# RECORD is sorted: this name stands before ../../../bin/mixmae, the script.
FIRST_FOLDER = '+mixmae'
MIM_FILES = ('configs', 'tools', 'model-index.yml')


def read_version():
    """Return the version without importing the package."""
    scope = {}
    exec((ROOT / 'mixmae' / 'version.py').read_text(), scope)
    return scope['__version__']


def read_requirements(name):
    """Return the requirements of one file below requirements/."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.split('#')[0].strip() for line in lines]
    return [line for line in lines if line]


def remove(path):
    """Remove a file, a link or a folder, if there is one."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def link_mim_files(target):
    """Let ``target`` point to the repository's own files."""
    target.mkdir(parents=True, exist_ok=True)
    for name in MIM_FILES:
        remove(target / name)
        (target / name).symlink_to(Path('..', '..', name))


def copy_mim_files(target):
    """Put copies of the repository's files below ``target``."""
    remove(target)
    target.mkdir(parents=True)
    ignore = shutil.ignore_patterns('__pycache__', '*.py[cod]', '.*')
    for name in MIM_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copy2(source, target / name)


class BuildPyWithMim(build_py):
    """Add the files mim looks for to what is built."""

    def run(self):
        """Build the modules, then link or copy."""
        if self.editable_mode:
            super().run()
            link_mim_files(ROOT / 'mixmae' / '.mim')
            return
        built = Path(self.build_lib, 'mixmae')
        # Modules deleted since an earlier build would come along.
        remove(built)
        super().run()
        copy_mim_files(built / '.mim')
        copy_mim_files(Path(self.build_lib, FIRST_FOLDER, '.mim'))


EXTRAS = {
    name: read_requirements(name)
    for name in ('pretrain', 'full', 'images', 'hub', 'tests', 'docs')
}
EXTRAS['full'] = EXTRAS['pretrain'] + EXTRAS['full']

setup(
    name='mixmae',
    version=read_version(),
    description='MixMAE and its relatives: pretraining hierarchical vision '
    'transformers without labels, on OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8')
    if (ROOT / 'README.md').exists()
    else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE', 'NOTICE'],
    keywords='computer vision, self-supervised learning, masked autoencoders',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    python_requires='>=3.10',
    packages=find_packages(include=['mixmae', 'mixmae.*']),
    # Said so that an editable install puts this folder on the path. Import
    # hooks, the default, lose against a checkout named mixmae in the current
    # folder, which Python takes for a namespace package.
    package_dir={'': '.'},
    entry_points={'console_scripts': ['mixmae = mixmae.cli.subcommands:main']},
    package_data={
        'mixmae': ['py.typed', 'weights/*.safetensors'],
        'mixmae.viewer': ['page/*'],
        'mixmae.visualization.report': ['page/*'],
    },
    install_requires=read_requirements('runtime'),
    extras_require=EXTRAS,
    cmdclass={'build_py': BuildPyWithMim},
    zip_safe=False,
)
