"""The Video page before a video has come: what it does and promises, where to drop one, and the empty result."""

from html import escape

from ui.bars import REGION_TITLES
from ui.video_job import VideoLimits
from vlfau.action_units import ACTION_UNITS, ActionUnit, Region

CLOSENESS = (
    ("10", "About 10 pictures a second"),
    ("all", "Every picture, which takes longer"),
    ("5", "About 5 a second, which is quicker"),
)

KEYS = (
    ("Space", "play or pause"),
    ("← →", "one picture that was looked at back or on"),
    ("⇧← ⇧→", "one second"),
    ("Home End", "to the beginning, to the end"),
    ("1 2", "type the number of an action unit to show or hide it"),
    ("B F N", "box, outlines, names over the picture"),
)

EVENTS_NOTE = (
    "An event begins (onset) where the probability reaches the unit's threshold, and ends (offset) where it falls "
    "below four fifths of it or the face is out of sight for half a second. It counts when it lasts for at least three "
    "of the pictures that were looked at. Its apex is where the intensity is largest. Onset, apex and offset are those "
    "of FACS (Ekman, Friesen and Hager 2002); the two thresholds are as in Canny (1986)."
)


def shell_html(limits: VideoLimits) -> str:
    """The page; a template of Gradio's, so there are no back quotes, dollar signs or double braces in it."""
    return (
        f'<div class="vv">{_start(limits)}<section class="vv-result" tabindex="-1" hidden>'
        '<h1 class="vl-hidden">Result</h1>'
        f'{_progress()}<div class="vv-top"><div>{_stage()}{_timeline()}</div>{_side()}</div>{_events()}'
        f"{_downloads()}</section></div>"
    )


def _start(limits: VideoLimits) -> str:
    megabytes = f"{limits.max_bytes / 1e6:.0f} MB"
    closely = "".join(
        f'<label><input type="radio" name="vv-closely" value="{value}"{" checked" if not index else ""}>'
        f"<span>{text}</span></label>"
        for index, (value, text) in enumerate(CLOSENESS)
    )
    return f"""<section class="vv-start"><div class="vl-lead"><h1>Action units over time</h1><p>
22 muscle movements of every face in a video: when each one begins, is strongest and ends, beside the player.
</p></div>
<div class="vv-give"><div class="vl-drop vv-drop">
<input type="file" class="vl-hidden" tabindex="-1" accept="video/*,.mkv,.avi,.mts" aria-label="Video file">
<button type="button" class="vl-press" data-do="choose">Choose a video</button>
<p>or drop it here</p><p class="vv-limits">Up to {megabytes}; the first {limits.max_seconds:.0f} seconds are read, and
of each picture the {limits.max_faces} largest faces.</p><p class="vl-status" role="status"></p>
<p class="vl-wait vl-sending" role="status">Sending the video …</p>
<p class="vl-wait vl-reading" role="status">Waiting for its turn …</p></div>
<fieldset class="vv-closely"><legend>How closely to look</legend>{closely}
<p>Short movements need many pictures: the shortest that counts as an event lasts for three.</p></fieldset></div>
<div class="vl-notice" role="note"><p><strong>Your video is not kept.</strong> It is removed from the server's disk as
soon as it is open, read picture by picture, and let go when all is read or you leave. The result exists only in your
browser, which plays your own file.</p>
<p><strong>Only with consent.</strong> Send a video only if those who can be seen in it agreed to
this. A face is followed from picture to picture; nothing says who it is.</p>
<p><strong>Movements, not feelings.</strong> What is read are muscle movements. They do not tell what a person feels,
thinks or intends. <a href="./about">Intended use</a></p></div></section>"""


def _progress() -> str:
    return (
        '<div class="vv-bar"><button type="button" class="vl-press vv-again" data-do="again">Another video</button>'
        '<div class="vv-progress"><progress max="1" value="0" aria-label="How much of the video is read"></progress>'
        '<p role="status"></p><button type="button" data-do="stop">Stop reading</button></div></div>'
        '<p class="vl-caution vv-note" role="note" hidden></p>'
    )


def _stage() -> str:
    marks = "".join(
        f'<label><input type="checkbox" data-mark="{mark}" checked><span>{text}</span></label>'
        for mark, text in (("box", "Box"), ("outline", "Outlines"), ("names", "Names"))
    )
    return (
        '<div class="vv-player"><div class="vv-stage"><video playsinline muted preload="auto" tabindex="-1"></video>'
        '<canvas aria-hidden="true"></canvas><p class="vv-unplayable" hidden>Your browser cannot play this kind of '
        "video. Everything that was read is here all the same.</p></div>"
        '<input type="range" class="vv-seek" min="0" max="1" step="0.001" value="0" aria-label="Time in the video">'
        '<div class="vv-controls"><button type="button" class="vv-play" data-do="play">Play</button>'
        '<button type="button" data-do="back" aria-label="One picture back">◀</button>'
        '<button type="button" data-do="on" aria-label="One picture on">▶</button>'
        '<output class="vv-clock">0:00.00</output>'
        '<label><span class="vl-hidden">Speed</span><select data-speed><option value="0.25">¼ speed</option>'
        '<option value="0.5">½ speed</option><option value="1" selected>Speed 1</option>'
        '<option value="2">Speed 2</option></select></label>'
        f'<div class="vv-marks" role="group" aria-label="Over the picture">{marks}</div></div></div>'
    )


def _side() -> str:
    regions = "".join(_region(region, title) for region, title in REGION_TITLES.items())
    return (
        '<div class="vv-side"><div class="vl-choices vv-faces" role="radiogroup" aria-label="Which face" hidden></div>'
        '<p class="vv-face-note" role="note" hidden></p>'
        '<div class="vv-units" role="group" aria-label="Action units to show">'
        '<div class="vv-units-head"><h2>Action units</h2>'
        '<button type="button" data-do="active">The six most active</button>'
        '<button type="button" data-do="none">None</button></div>'
        f"{regions}</div></div>"
    )


def _region(region: Region, title: str) -> str:
    units = "".join(_unit(unit) for unit in ACTION_UNITS if unit.region == region)
    return f'<fieldset><legend>{title}</legend><div class="vv-region">{units}</div></fieldset>'


def _unit(unit: ActionUnit) -> str:
    return (
        f'<label class="vv-unit" title="{escape(unit.label)}"><input class="vl-hidden" type="checkbox" '
        f'data-unit="{unit.number}"><span class="vv-code">AU{unit.number}</span>'
        f'<span class="vv-name">{escape(unit.name)}</span>'
        '<span class="vv-now" aria-hidden="true"><i></i></span></label>'
    )


def _timeline() -> str:
    measures = "".join(
        f'<span><input class="vl-hidden" type="radio" name="vv-measure" id="vv-{measure}" value="{measure}"'
        f'{" checked" if measure == "p" else ""}><label for="vv-{measure}">{text}</label></span>'
        for measure, text in (("p", "Probability"), ("i", "Intensity"))
    )
    keys = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in KEYS)
    return (
        '<section class="vv-timeline" aria-label="Over time"><div class="vv-timeline-head">'
        f'<div class="vl-orders" role="radiogroup" aria-label="What is drawn">{measures}</div>'
        '<p class="vv-legend"><span class="vv-threshold"><span class="vv-dashed" aria-hidden="true"></span> '
        "Threshold. </span>"
        '<span class="vv-span" aria-hidden="true"></span> Event, with its apex. Click or drag to go there.</p>'
        f'<details class="vv-keys"><summary>Keys</summary><dl>{keys}</dl></details></div>'
        '<div class="vv-lanes"><p class="vv-no-lane" hidden>No action unit is chosen.</p>'
        '<div class="vv-rows"></div><canvas class="vv-axis" aria-hidden="true"></canvas>'
        '<div class="vv-head" aria-hidden="true" hidden></div></div></section>'
    )


def _events() -> str:
    """The roles say again what the elements are: on a phone a row is laid out on two lines and is no table row then."""
    titles = "".join(
        f'<th scope="col" role="columnheader">{title}</th>'
        for title in ("Action unit", "Onset", "Apex", "Offset", "Lasts", "At the apex")
    )
    return (
        '<section class="vv-events"><div class="vv-events-head"><h2>Events</h2>'
        '<label><input type="checkbox" data-all-events><span>of all action units</span></label></div>'
        f"<details><summary>What counts as an event</summary><p>{EVENTS_NOTE}</p></details>"
        '<div class="vv-table" tabindex="0" role="region" aria-label="Events"><table role="table">'
        f'<thead role="rowgroup"><tr role="row">{titles}</tr></thead><tbody role="rowgroup"></tbody></table></div>'
        '<p class="vv-no-events">None so far.</p></section>'
    )


def _downloads() -> str:
    files = (
        ("csv", "CSV", "action-units.csv"),
        ("openface", "CSV as OpenFace writes it", "openface.csv"),
        ("pyfeat", "CSV as py-feat writes it", "py-feat.csv"),
        ("events", "Events", "events.csv"),
    )
    links = "".join(
        f'<button type="button" data-file="{form}" data-ending="{ending}">{text}</button>'
        for form, text, ending in files
    )
    return f'<p class="vl-downloads vv-downloads"><span>Take all faces and pictures along:</span>{links}</p>'
