"""The plots of a training's report, by the names under which the page shows them."""

from offline.evaluate.figures import HEADLINE, SegmentBand
from offline.report import charts, curves
from offline.report.report_figures import ReportFigures


def draw_plots(figures: ReportFigures) -> dict[str, str]:
    """Return each plot as an SVG element. A sweep that the data does not allow has none."""
    segments = figures["segments"]
    plots = {
        "methods": charts.methods_chart(figures["methods"], HEADLINE),
        "funnel": curves.flow_chart(figures["attribution"]),
        "channels": charts.channels_chart(figures["attribution"]),
        "history": charts.bands_chart(segments["history"], "users", "NDCG@10"),
        "popularity": charts.bands_chart(segments["popularity"], "items", "recall@10"),
        "coarse": charts.weights_chart(figures["coarse"]),
    }
    attributes = [
        SegmentBand(
            band=f"{attribute['name']}: {band['band']}",
            count=band["count"],
            methods=band["methods"],
            lead=band["lead"],
        )
        for attribute in segments["attributes"]
        for band in attribute["bands"]
    ]
    if attributes:
        plots["attributes"] = charts.bands_chart(attributes, "users", "NDCG@10")
    if figures["trade_off"]:
        plots["trade_off"] = curves.trade_off_chart(figures["trade_off"])
    if figures["cold_curve"]:
        plots["cold"] = curves.new_user_chart(figures["cold_curve"])
    if figures["calibration"]:
        plots["calibration"] = curves.calibration_chart(figures["calibration"])
    return plots
