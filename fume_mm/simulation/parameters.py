"""What a simulated campaign is drawn from: every range, with unit and source.

Ranges are ``(low, high)`` of a uniform draw unless said otherwise. Lengths marked
*px* are pixels of the detector (320 x 240, the format of the cooled OGI cameras this
imitates); a 640 x 480 frame is the detector's, doubled. Gray levels are those of the
displayed 8-bit frame. Times are frames at 30 per second. Values marked [choice] are
design choices, not facts; [measured] ones bracket published OGI frames of rumen vents.
"""

from dataclasses import dataclass, field

#: Changes whenever the same seed would give other bytes.
SIMULATOR_VERSION = '1.5'
#: Height and width of the detector, px.
DETECTOR_SHAPE = (240, 320)
#: Frame sizes (width, height) and how many times the detector's they are.
SIZES = {(320, 240): 1, (640, 480): 2}
#: Of a clip.
FRAMES_PER_SECOND = 30

Range = tuple[float, float]


@dataclass(frozen=True)
class RumenParameters:
    """Volume of a gas released in one vent, as a function of pH.

    ``log V = log reference + slope * (pH - 5.75) / 0.75 + activity + deviations``.
    That methanogenesis slows and bicarbonate CO2 is set free as pH falls is known;
    **this curve is an assumption** [choice]: no source gives CO2 and CH4 against pH
    5.0 to 6.5. One gas alone says little, since ``activity`` moves both.
    """

    #: ml per vent at pH 5.75 [choice; a whole vent is 8 to 17 ml]
    reference_ml: dict[str, float] = field(
        default_factory=lambda: {'co2': 8.0, 'ch4': 1.5}
    )
    #: change of log V over 0.75 pH [choice]
    slope: dict[str, float] = field(default_factory=lambda: {'co2': -0.40, 'ch4': 0.95})
    #: std of log V over runs, shared by both gases (feed, inoculum) [choice]
    activity_std: float = 0.60
    run_std: float = 0.08  #: std of log V per run and gas [choice]
    vent_std: float = 0.10  #: std of log V per vent, so per frame and gas [choice]


@dataclass(frozen=True)
class PlumeParameters:
    """A starting turbulent jet: momentum, drag, spread, draught, eddies.

    ``v0 s0`` goes as V^0.4 (the root of the jet's momentum flux) and the valve's open
    time as V^0.5, so the front's distance ``z = sqrt(2 v0 s0 t)`` goes as V^0.45 and
    the visible area as V^0.9 [choice].
    Style ranges are drawn once per run and hold for both cameras.
    """

    #: exit velocity at the reference volume, px/frame [choice]
    exit_velocity: float = 205.0
    velocity_exponent: float = 0.40  #: exponent of V in the exit velocity [choice]
    #: time the valve is open at the reference volume, frames [120 to 500 ms]
    open_time: float = 4.5
    time_exponent: float = 0.50  #: exponent of V in the open time [choice]
    tip_sigma: float = 2.0  #: std of the jet at the tip, px [choice]
    #: growth of the std per px travelled; the outline's half angle is about twice
    #: that: 8 to 15 degrees [measured: 11 to 24]
    growth: Range = (0.085, 0.120)
    #: share of the jet's length that stays laminar, and how often there is such a part
    laminar: Range = (0.04, 0.22)
    laminar_share: float = 0.25
    puffs: int = 112  #: puffs per frame of the simulation [choice]
    pulsation: float = 0.20  #: pulsation of the flow, relative std [choice]
    angle_noise: Range = (2.0, 4.0)  #: std of the puffs' direction, degrees [choice]
    meander: Range = (1.0, 4.0)  #: slow swing of the jet's direction, degrees
    #: fall (+) or rise (-) of the warm, CO2-rich mixture, px/frame^2 [choice]
    fall: Range = (-0.10, 0.30)
    draught: Range = (-1.0, 1.0)  #: draught, px/frame, each direction [choice]
    #: eddy displacement relative to the distance from the tip [choice]
    eddy: Range = (0.060, 0.100)
    #: relative std of the column density's filaments [measured: 0.15]
    filament: Range = (0.20, 0.42)
    #: how far the head of the jet rolls up, relative to its distance [choice]
    roll_up: Range = (0.0, 0.14)
    #: distance from the camera: factor on every length of the scene [choice]
    scale: Range = (0.7, 1.3)
    #: when a frame is taken, in valve-open times. An annotator picks frames with a
    #: developed plume: late in the opening, or just after it
    phase: Range = (0.90, 1.0)
    closed_phase: Range = (1.0, 1.10)
    closed_share: float = 0.10
    #: std of the jet where it leaves the tube, relative to ``tip_sigma``, which it
    #: reaches within some px [measured: a stem of 4 to 5 px, thinner than the tube]
    neck: Range = (1.0, 1.0)
    #: eddies a third of the size of the others, relative to those: they crinkle the
    #: outline and cut bays into it [choice]
    crinkle: Range = (0.0, 0.0)
    #: share of vents that fling an eddy out of the jet, and how far, relative to its
    #: distance from the tip [measured: a finger at 0.3 to 0.45]
    finger_share: float = 0.0
    finger_reach: Range = (0.25, 0.55)
    #: share of frames in which the valve has not opened (no gas at all)
    idle_share: float = 0.005
    #: fall (+) or rise (-) of each gas on its own, px/frame^2, beside ``fall``; CO2
    #: has 1.52 and CH4 0.55 times the density of air [choice]
    buoyancy: dict[str, Range] = field(
        default_factory=lambda: {'co2': (0.0, 0.0), 'ch4': (0.0, 0.0)}
    )
    #: share of runs with a steady low flow in place of vents, and that flow's limits,
    #: standard cm3 per minute
    trickle_share: float = 0.0
    trickle_sccm: Range = (10.0, 100.0)
    #: std of a trickle, px [measured: width at half maximum 9 to 14 px]
    trickle_sigma: Range = (3.0, 5.5)
    #: how long a thread's gas stays in sight, frames, and over how many e-folds its
    #: contrast falls on the way [measured: to a tenth after 150 px]
    trickle_lifetime: Range = (40.0, 110.0)
    trickle_decay: Range = (1.0, 3.5)
    #: draught on a thread, relative to that on a jet [choice]
    trickle_draught: Range = (0.08, 0.25)
    #: share of a thread's gas in a wide, faint skirt around it [choice]
    trickle_skirt: Range = (0.0, 0.0)


@dataclass(frozen=True)
class SceneParameters:
    """What stands behind the gas, and the tube. Never depends on pH."""

    #: displayed level of the background and how often, per style (name: share, range)
    levels: dict[str, tuple[float, Range]]
    #: level differences over the frame, gray levels, horizontally and vertically
    gradient_x: Range
    gradient_y: Range
    #: warm surface at the tube's edge: width px, gray levels, share of runs
    band_width: Range
    band_gray: Range
    band_share: float
    blotch_gray: Range  #: blotches: std in gray levels (patches of 15 to 40 px)
    streak_gray: Range  #: vertical streaks, gray levels std
    #: tube against its background, gray levels, same sign as the gas [measured: 63 to
    #: 68 before CO2 cameras, 16 to 34 before CH4 cameras]
    tube_gray: Range
    #: the same where the background is near black [measured: up to saturation]
    tube_black_gray: Range = (60.0, 230.0)
    #: glow of the tube's rim: relative to the tube's gray, and its reach, px [measured:
    #: saturated tubes shine 5 px far]
    tube_halo: Range = (0.15, 0.15)
    halo_reach: Range = (1.5, 1.5)
    #: corrugated tubes: share of runs, relative depth of the ribs
    rib_share: float = 0.25
    rib_depth: Range = (0.05, 0.18)
    #: share of runs with a wider part of the tube at the edge of the view
    collar_share: float = 0.0
    #: broad glow on the tube's side of near-black scenes: share of runs, reach px,
    #: gray levels [measured: a fall of 20 to 80 over the frame]
    glow_share: float = 0.5
    glow_width: Range = (60.0, 260.0)
    glow_gray: Range = (8.0, 70.0)
    #: lens reflection: radius px, gray levels, share of runs
    reflection_radius: Range = (10.0, 24.0)
    reflection_gray: Range = (12.0, 34.0)
    reflection_share: float = 0.10
    #: tube: visible length and height px (at scale 1), slope degrees, tip y in heights
    tube_length: Range = (9.0, 33.0)
    tube_height: Range = (8.0, 17.0)
    tube_slope: Range = (-13.0, 13.0)
    tube_y: Range = (0.36, 0.62)
    #: share of runs in which the tube ends outside the view
    no_tube_share: float = 0.05
    #: share of runs with another object (bottle neck, bracket) in a corner
    clutter_share: float = 0.0
    clutter_gray: Range = (-45.0, 60.0)
    clutter_black_gray: Range = (15.0, 235.0)
    #: black corner of a rotated copy and thin black border, share of frames
    wedge_share: float = 0.06
    border_share: float = 0.04


@dataclass(frozen=True)
class CameraParameters:
    """One camera: its band, its noise and its automatic gain control (AGC).

    ``k`` is the band-mean absorption in the weak-line limit, from the integrated band
    strengths (9.2e-17 and 1.05e-17 cm/molecule) over 4.2-4.4 and 3.2-3.4 um, +-30 %.
    The optical depth is ``(k * CL) ** line_exponent``: strong lines saturate.
    """

    k: float  #: absorption per ppm m
    #: temperature span that the AGC spreads over 256 levels, K [choice]
    span_kelvin: Range
    #: noise-equivalent temperature difference, K [15 to 25 mK new; choice]
    netd_kelvin: Range
    mottle_kelvin: Range  #: mottling of uncooled cameras and video codecs, K
    line_exponent: float = 0.65  #: exponent of the optical depth, 0.6 to 1
    #: emissivity of the gas on the plume's axis; sets the column density [choice]
    axis_emissivity: Range = (0.10, 0.20)
    #: contrast on the axis before ``gain``, gray levels [measured: 25 to 47 at core]
    contrast_gray: Range = (32.0, 44.0)
    #: contrast on the axis where gas shows bright on near black [measured: 100-200]
    contrast_black_gray: Range = (80.0, 150.0)
    #: factor on the contrast per run and gas (humidity, distance, AGC), log-uniform
    gain: Range = (0.6, 1.6)
    #: share of runs in which the gas shows brighter than its background
    bright_share: float = 0.20
    #: share of runs in which the gas is warmer than the background
    warm_share: float = 0.80
    blur: Range = (0.5, 0.9)  #: optics blur, std px
    #: row noise and fixed pattern, relative to the white noise [measured]
    row_noise: float = 0.20
    fixed_pattern: float = 0.50
    #: fall of the level from the middle to the corners, gray levels (vignetting)
    vignetting: Range = (0.0, 0.0)
    #: share of the detector's pixels that are stuck and not corrected
    dead_share: float = 0.0
    #: AGC drift per frame: relative std of the gain, std of the level in gray levels
    agc_gain_std: float = 0.015
    agc_level_std: float = 1.5
    #: video codec, JPEG quality of most runs and of the heavily compressed share
    quality: Range = (72.0, 95.0)
    heavy_quality: Range = (32.0, 50.0)
    heavy_share: float = 0.10
    #: overlay: share of runs with a logo, and with palette bar and read-outs as well
    logo_share: float = 0.25
    overlay_share: float = 0.10


@dataclass(frozen=True)
class LabelParameters:
    """How an annotator outlines the gas; drawn per run, the same for both gases."""

    #: outline at this share of the clean contrast's peak [measured: 0.06 to 0.39]
    threshold: Range = (0.15, 0.36)
    floor_gray: float = 2.0  #: faintest contrast that anyone outlines, gray levels
    #: closing and smoothing of the outline, px
    closing: int = 5
    smoothing: Range = (1.5, 3.5)
    #: generous outlines: share of runs, expansion relative to sqrt(area)
    generous_share: float = 0.35
    generous: Range = (0.02, 0.07)
    #: above this peak contrast the edge is plain: the expansion shrinks until there is
    #: none at twice that [choice; measured: outlines of contrasts above 100 are tight,
    #: those of 15 to 27 generous]
    clear_gray: float = 45.0
    #: factor on the threshold for a trickle [measured: 0.33 to 0.45 of a thread's peak]
    trickle_factor: float = 1.6
    #: contrast at which a thread's outline runs at the latest, gray levels [measured:
    #: 17 to 33, whatever the contrast at its root]
    trickle_gray: Range = (255.0, 255.0)
    #: the same for a vent [measured: 11 to 50 where the contrast is 100 to 200]
    vent_gray: Range = (255.0, 255.0)
    smallest: float = 0.003  #: smallest outlined patch, share of the frame


_SCENES = {
    'co2': SceneParameters(
        levels={
            'near_white': (0.60, (190.0, 225.0)),
            'mid_gray': (0.25, (80.0, 130.0)),
            'near_black': (0.15, (10.0, 45.0)),
        },
        gradient_x=(-34.0, 34.0),
        gradient_y=(-24.0, 24.0),
        band_width=(25.0, 60.0),
        band_gray=(8.0, 25.0),
        band_share=0.25,
        blotch_gray=(1.5, 5.0),
        streak_gray=(0.0, 0.6),
        tube_gray=(45.0, 80.0),
    ),
    'ch4': SceneParameters(
        levels={'dark_gray': (1.0, (50.0, 130.0))},
        gradient_x=(-40.0, 5.0),
        gradient_y=(-14.0, 14.0),
        band_width=(28.0, 75.0),
        band_gray=(40.0, 105.0),
        band_share=0.85,
        blotch_gray=(2.0, 6.0),
        streak_gray=(0.5, 2.0),
        tube_gray=(20.0, 80.0),
    ),
}
_CAMERAS = {
    'co2': CameraParameters(
        k=1.9e-3,
        span_kelvin=(4.0, 8.0),
        netd_kelvin=(0.03, 0.05),
        mottle_kelvin=(0.0, 0.02),
    ),
    'ch4': CameraParameters(
        k=1.2e-4,
        span_kelvin=(4.0, 7.0),
        netd_kelvin=(0.04, 0.08),
        mottle_kelvin=(0.02, 0.07),
    ),
}


@dataclass(frozen=True)
class SimulationParameters:
    """All models' parameters together."""

    rumen: RumenParameters = field(default_factory=RumenParameters)
    plume: PlumeParameters = field(default_factory=PlumeParameters)
    scene: dict[str, SceneParameters] = field(default_factory=_SCENES.copy)
    camera: dict[str, CameraParameters] = field(default_factory=_CAMERAS.copy)
    label: LabelParameters = field(default_factory=LabelParameters)
