"""Contract of pretraining networks with official golden figures."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
import torch
from torch import nn


def ends(x: torch.Tensor) -> list[float]:
    """Return the first and last six numbers, as the golden files list them."""
    flat = x.flatten()
    return torch.cat([flat[:6], flat[-6:]]).tolist()


class GoldenContract:
    """Tests of a network against golden figures; subclasses set these.

    Attributes:
        golden: the figures.
        mutants: by their name in the figures, what ``build`` makes them of,
            and how to spoil them then, if they are to be.
        variants: arguments of ``build`` that change no figure, by name.
    """

    golden: ClassVar[Mapping]
    mutants: ClassVar[Mapping[str, tuple[dict, Callable | None]]]
    variants: ClassVar[Mapping[str, dict]] = {'default': {}}

    def build(self, **arguments) -> nn.Module:
        """Return the float64 network with the weights of the formula."""
        raise AssertionError('subclasses build their network here')

    def run(self, model: nn.Module) -> dict:
        """Return loss, latent, prediction and grad_norm by official names."""
        raise AssertionError('subclasses run their network here')

    def pytest_generate_tests(self, metafunc) -> None:
        for name, values in (
            ('mutant', self.mutants),
            ('result', self.variants),
        ):
            if name in metafunc.fixturenames:
                metafunc.parametrize(
                    name,
                    list(values),
                    indirect=name == 'result',
                    scope='class',
                )

    @pytest.fixture(scope='class')
    def result(self, request) -> dict:
        return self.run(self.build(**self.variants[request.param]))

    def test_loss(self, result):
        assert result['loss'] == pytest.approx(self.golden['loss'], rel=1e-8)

    def test_latent_and_prediction(self, result):
        for name in ('latent', 'prediction'):
            norm = result[name].norm().item()
            assert norm == pytest.approx(self.golden[f'{name}_l2'], rel=1e-8)
            assert ends(result[name]) == pytest.approx(
                self.golden[f'{name}_ends'], rel=1e-8
            )

    def test_every_gradient_norm(self, result):
        wanted = self.golden['grad_norm']
        found = {name: result['grad_norm'][name] for name in wanted}
        assert found == pytest.approx(wanted, rel=1e-6)

    def test_every_listed_mutant_is_tried(self):
        assert self.mutants.keys() == self.golden['mutants'].keys()

    def test_mutant_fails_by_the_official_amount(self, mutant):
        """Faulty variants miss the figures by as much as official ones."""
        arguments, spoil = self.mutants[mutant]
        model = self.build(**arguments)
        if spoil:
            spoil(model)
        found = self.run(model)
        golden, wanted = self.golden, self.golden['mutants'][mutant]
        loss = abs(found['loss'] / golden['loss'] - 1)
        latent = abs(found['latent'].norm().item() / golden['latent_l2'] - 1)
        assert loss == pytest.approx(wanted['loss'], rel=0.01)
        assert latent == pytest.approx(wanted['latent'], rel=0.01, abs=1e-10)
        assert loss > 100 * 1e-8
