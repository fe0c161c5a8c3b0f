"""The web pages of VL-FAU: one module per page and its small parts, and the only place that knows Gradio."""

import os

# Read by Gradio while it is imported: this application reports to nobody.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
