"""A campaign's counts, and the presets: which vessels, gases and models."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from fume_mm.errors import UserError
from fume_mm.structures import GASES, NOMINAL_PH, SPLITS

from .parameters import SIZES, PlumeParameters, SimulationParameters

#: Shares of train, val and test.
SPLIT_SHARES = {'train': 0.65, 'val': 0.15, 'test': 0.20}


@dataclass(frozen=True)
class CampaignParameters:
    """A campaign: how many vessels, frames and gases, at which size.

    Raises:
        UserError: If a value cannot be simulated.
    """

    name: str = 'demo'  #: what the campaign calls itself
    #: each has one pH and one run. Classes get equal numbers, unless ``counts`` is
    #: given, which then decides
    vessels: int = 800
    #: samples per vessel, each with a frame per gas; in the owners' form, originals of
    #: a recording at most
    frames_per_vessel: int = 2
    size: tuple[int, int] = (320, 240)  #: width and height, a key of :data:`SIZES`
    #: shares of samples without a CO2 and without a CH4 frame
    missing_co2: float = 0.10
    missing_ch4: float = 0.10
    gas_free: bool = False  #: nothing is released, all else is the same: a control set
    copies: int = 1  #: frames made of each original, itself counted
    #: frames of each gas, all copies counted, by pH, such as
    #: ``{'6.5': {'co2': 693, 'ch4': 315}}``. The last original of a pH and gas gets
    #: fewer copies where they do not divide. The campaign then has the owners' form.
    #: None: balanced, as ``vessels`` and ``missing_*`` say
    counts: dict[str, dict[str, int]] | None = None
    #: shares of train, val and test, in vessels; in the owners' form, in frames
    split_shares: dict[str, float] = field(default_factory=SPLIT_SHARES.copy)
    video_seconds: float = 0.0  #: length of each sample's clip, s; 0 for still frames
    label_every: int = 15  #: in clips, every n-th frame is labelled and annotated
    truth: bool = False  #: whether true column densities are stored beside the frames
    simulation: SimulationParameters = field(default_factory=SimulationParameters)

    def __post_init__(self) -> None:
        for name, low, high in (
            ('vessels', 6, 99_999),  # with fewer, a split would be empty
            ('frames_per_vessel', 1, 999),
            ('copies', 1, 99),
            ('label_every', 1, 999),
            ('video_seconds', 0, 30),
            ('missing_co2', 0, 1),
            ('missing_ch4', 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # also refuses NaN
                raise UserError(
                    f'{name} is {value}, outside {low} to {high}; choose one within.'
                )
        if self.size not in SIZES:
            sizes = ' or '.join(f'{width}x{height}' for width, height in SIZES)
            raise UserError(
                f'size {"x".join(map(str, self.size))} is not one of the camera; '
                f'choose {sizes}.'
            )
        if self.missing_co2 + self.missing_ch4 > 1:
            raise UserError(
                f'missing_co2 {self.missing_co2} and missing_ch4 {self.missing_ch4} '
                'sum to more than 1, so samples would have no gas at all; lower one.'
            )
        if self.video_seconds and self.copies > 1:
            raise UserError(
                f'copies is {self.copies} with video_seconds {self.video_seconds}: '
                'clips have no augmented copies; choose copies 1, or video_seconds 0.'
            )
        nominal = {str(ph) for ph in NOMINAL_PH}
        for ph, by_gas in (self.counts or {}).items():
            if ph not in nominal or not set(by_gas) <= set(GASES):
                raise UserError(
                    f'counts has pH {ph} with {", ".join(by_gas)}; choose a pH of '
                    f'{", ".join(sorted(nominal))} and the gases {", ".join(GASES)}.'
                )
        if set(self.split_shares) != set(SPLITS):
            raise UserError(
                f'split_shares names {", ".join(self.split_shares)}; give a share for '
                f'each of {", ".join(SPLITS)}.'
            )

    def as_dict(self) -> dict[str, Any]:
        """All parameters as JSON would give them back (lists, not tuples)."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def with_copies(parameters: CampaignParameters, copies: int) -> CampaignParameters:
    """The campaign with another number of copies of the same originals."""
    counts = parameters.counts and {
        ph: {gas: round(n * copies / parameters.copies) for gas, n in by_gas.items()}
        for ph, by_gas in parameters.counts.items()
    }
    return dataclasses.replace(parameters, copies=copies, counts=counts)


def _hard() -> SimulationParameters:
    """Weak plumes, both polarities, trickles, clutter: what real cameras see."""
    plain = SimulationParameters()
    common: dict[str, Any] = {
        'clutter_share': 0.25,
        'tube_length': (9.0, 60.0),
        'tube_black_gray': (60.0, 330.0),
        'tube_halo': (0.05, 0.25),
        'halo_reach': (1.0, 5.0),
        'rib_share': 0.6,
        'rib_depth': (0.1, 0.7),
        'collar_share': 0.3,
        'glow_share': 0.6,
        'tube_height': (7.0, 20.0),
        'tube_slope': (-16.0, 16.0),
        'tube_y': (0.25, 0.75),
    }
    scene = {
        'co2': dataclasses.replace(
            plain.scene['co2'],
            **common,
            levels={
                'near_white': (0.36, (185.0, 225.0)),
                'mid_gray': (0.22, (70.0, 150.0)),
                'near_black': (0.42, (5.0, 50.0)),
            },
        ),
        'ch4': dataclasses.replace(plain.scene['ch4'], **common),
    }
    camera = {
        gas: dataclasses.replace(
            drawn,
            # Mean contrast over the outline is about 0.6 of the axis's.
            contrast_gray=(26.0, 42.0),
            contrast_black_gray=(45.0, 300.0),
            bright_share=0.25,
            warm_share=0.5,
            vignetting=(0.0, 14.0),
            dead_share=2e-5,
            heavy_share=0.15,
            logo_share=0.15,
            overlay_share=0.50,
        )
        for gas, drawn in plain.camera.items()
    }
    plume = PlumeParameters(
        exit_velocity=220.0,
        phase=(0.35, 1.0),
        closed_phase=(1.0, 1.5),
        closed_share=0.15,
        growth=(0.080, 0.140),
        fall=(-0.10, 0.40),
        draught=(-2.0, 2.0),
        buoyancy={'co2': (0.0, 0.15), 'ch4': (-0.15, 0.0)},
        trickle_share=0.40,
        trickle_lifetime=(16.0, 95.0),
        trickle_decay=(1.0, 5.0),
        trickle_draught=(0.08, 0.60),
        trickle_skirt=(0.0, 0.35),
        trickle_sigma=(1.8, 4.2),
        idle_share=0.06,
        laminar=(0.04, 0.30),
        laminar_share=0.45,
        neck=(0.4, 1.0),
        crinkle=(0.0, 1.0),
        eddy=(0.060, 0.130),
        filament=(0.10, 0.36),
        finger_share=0.35,
    )
    # What lies within the mottling of the background nobody outlines.
    label = dataclasses.replace(
        plain.label,
        threshold=(0.14, 0.30),
        floor_gray=4.0,
        smoothing=(1.0, 3.0),
        trickle_gray=(15.0, 36.0),
        vent_gray=(12.0, 50.0),
        smallest=5e-4,
    )
    return dataclasses.replace(
        plain, plume=plume, scene=scene, camera=camera, label=label
    )


# Table 2 of the paper: frames by pH and gas, 21 copies of 427 originals.
_PAPER = {
    '6.5': {'co2': 693, 'ch4': 315},
    '6.2': {'co2': 721, 'ch4': 329},
    '5.9': {'co2': 651, 'ch4': 294},
    '5.6': {'co2': 2121, 'ch4': 966},
    '5.3': {'co2': 1039, 'ch4': 473},
    '5.0': {'co2': 938, 'ch4': 427},
}
# The founding document's counts at pH 5.6 and 6.5; the others are the whole originals
# that give its 2.6 % Transitional, 45 % Healthy and 8,967 frames, 5.3 and 5.0 sharing
# what is left as in Table 2.
_FOUNDING = {
    '6.5': {'co2': 1911, 'ch4': 1995},
    '6.2': {'co2': 126, 'ch4': 0},
    '5.9': {'co2': 231, 'ch4': 0},
    '5.6': {'co2': 1617, 'ch4': 798},
    '5.3': {'co2': 1197, 'ch4': 0},
    '5.0': {'co2': 1092, 'ch4': 0},
}


_OWNERS = CampaignParameters(
    name='paper',
    frames_per_vessel=4,
    size=(640, 480),
    copies=21,
    counts=_PAPER,
    split_shares={'train': 0.70, 'val': 0.15, 'test': 0.15},
)

PRESETS: dict[str, CampaignParameters] = {
    'demo': CampaignParameters(),
    'standard': CampaignParameters(
        name='standard', vessels=120, frames_per_vessel=10, size=(640, 480)
    ),
    'paper': _OWNERS,
    'founding': dataclasses.replace(_OWNERS, name='founding', counts=_FOUNDING),
    'benchmark': CampaignParameters(
        name='benchmark',
        vessels=5000,
        frames_per_vessel=1,
        size=(640, 480),
        simulation=_hard(),
    ),
    'smoke': CampaignParameters(name='smoke', vessels=18, frames_per_vessel=2),
}


def adapt_preset(
    name: str, *, copies: int | None = None, **changes: Any
) -> CampaignParameters:
    """A preset with other values.

    Args:
        name: Of the preset.
        copies: Frames made of each of the same originals; clips have one.
        **changes: Fields of :class:`CampaignParameters`; None keeps the preset's.

    Raises:
        UserError: If there is no such preset, or a value does not go with it.
    """
    if name not in PRESETS:
        raise UserError(f'preset {name} does not exist; choose {", ".join(PRESETS)}.')
    preset = PRESETS[name]
    changes = {key: value for key, value in changes.items() if value is not None}
    for key in ('vessels', 'missing_co2', 'missing_ch4', 'video_seconds'):
        if preset.counts is not None and key in changes:
            raise UserError(
                f'{key} does not go with preset {name}, which fixes its frames by pH '
                'and gas; leave it out or choose another preset.'
            )
    if copies is None and 'video_seconds' in changes:
        copies = 1
    if copies is not None:
        preset = with_copies(preset, copies)
    return dataclasses.replace(preset, **changes)
