//! Heat maps, drawn.

use crate::layout::Layout;
use crate::{HeatMap, PlotError, canvas};

impl HeatMap {
    /// Draws it.
    ///
    /// # Errors
    /// [`PlotError::Labels`] and [`PlotError::Ragged`] when it is no rectangle, [`PlotError::Range`] when
    /// the colours are for no numbers, [`PlotError::Drawing`] when the drawing library gives up.
    pub fn to_svg(&self) -> Result<String, PlotError> {
        let layout = Layout::new(self)?;
        let (width, height) = layout.size;
        canvas::svg((width as u32, height as u32), |area| layout.draw(area))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ramp, outlined, to_png};

    fn map(labels: &[&str], n_columns: usize) -> HeatMap {
        let value = |row: usize, column: usize| (row * n_columns + column) as f64 / 100.0;
        HeatMap {
            title: "Impact of restoring state".to_owned(),
            rows: labels.iter().map(|label| (*label).to_owned()).collect(),
            x_name: "layer".to_owned(),
            values: (0..labels.len())
                .map(|row| (0..n_columns).map(|column| value(row, column)).collect())
                .collect(),
            bar: "p( French)".to_owned(),
            ramp: Ramp::Purple,
            range: None,
        }
    }

    /// The texts of a picture, in the order they are drawn.
    fn texts(svg: &str) -> Vec<&str> {
        svg.split("</text>")
            .filter_map(|part| part.rsplit_once(">\n").map(|(_, text)| text.trim_end()))
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// The number of cells that have a colour.
    fn count(svg: &str, ramp: Ramp, place: f64) -> usize {
        let colour = ramp.at(place);
        svg.matches(&format!("fill=\"#{:02X}{:02X}{:02X}\"", colour.0, colour.1, colour.2)).count()
    }

    #[test]
    fn every_cell_row_and_column_is_drawn_and_named() {
        let svg = map(&["The*", " Space*", " is"], 6).to_svg().unwrap();
        let texts = texts(&svg);
        for name in ["Impact of restoring state", "layer", "The*", " Space*", " is", "p( French)", "0", "5"] {
            assert!(texts.contains(&name), "{name} in {texts:?}");
        }
        // The lowest value and the foot of the bar, the highest value and its head.
        assert_eq!((count(&svg, Ramp::Purple, 0.0), count(&svg, Ramp::Purple, 1.0)), (2, 2));
    }

    #[test]
    fn of_many_columns_every_fifth_is_numbered() {
        let numbers = |n_columns| {
            let mut map = map(&["The"], n_columns);
            map.range = Some((0.5, 0.7));
            let svg = map.to_svg().unwrap();
            let numbers = texts(&svg).into_iter().filter_map(|text| text.parse::<usize>().ok());
            numbers.collect::<Vec<_>>()
        };
        assert_eq!(numbers(12), (0..12).collect::<Vec<_>>());
        assert_eq!(numbers(24), [0, 5, 10, 15, 20]);
    }

    #[test]
    fn colours_are_of_the_range_that_is_given_in_either_order() {
        let mut map = map(&["a"], 3);
        map.values = vec![vec![-5.0, 0.5, 9.0]];
        for range in [(0.0, 1.0), (1.0, 0.0)] {
            map.range = Some(range);
            let svg = map.to_svg().unwrap();
            for place in [0.0, 1.0] {
                assert_eq!(count(&svg, Ramp::Purple, place), 2);
            }
            assert!(count(&svg, Ramp::Purple, 0.5) >= 1);
        }
    }

    #[test]
    fn values_that_are_no_numbers_leave_the_colours_to_the_others() {
        let mut map = map(&["a", "b"], 2);
        map.values = vec![vec![f64::NAN, 1.0], vec![f64::INFINITY, f64::NEG_INFINITY]];
        let svg = map.to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        map.values = vec![vec![f64::NAN; 2]; 2];
        assert!(map.to_svg().is_ok());
        map.values = vec![vec![f64::MIN, f64::MAX], vec![0.0, -0.0]];
        let svg = map.to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn hostile_labels_make_a_picture_with_every_one_of_them_in_it() {
        let long = "word ".repeat(100);
        let labels = [
            "<&\"'>",
            "]]><script>",
            "🗼🇫🇷",
            "東京",
            "",
            " ",
            "a\nb",
            "\0\u{1b}\u{7f}",
            "\u{ffff}",
            &long,
            "مرحبا",
        ];
        let mut map = map(&labels, 3);
        map.title = labels.concat();
        map.x_name = labels.concat();
        map.bar = labels.concat();
        let svg = map.to_svg().unwrap();
        assert!(svg.contains("&lt;&amp;&quot;") && svg.contains("a⏎b"), "{svg}");
        assert!(!svg.contains("<script>"));
        assert!(outlined(&svg).unwrap().starts_with("<svg"));
        assert!(to_png(&svg, 1.0).is_ok());
    }

    #[test]
    fn all_texts_are_inside_the_picture() {
        fn inside(group: &resvg::usvg::Group, size: resvg::usvg::Size) -> usize {
            let texts = group.children().iter().filter(|node| matches!(node, resvg::usvg::Node::Text(_)));
            let boxes = texts.map(|text| text.abs_bounding_box());
            boxes
                .inspect(|text| {
                    assert!(text.left() >= 0.0 && text.right() <= size.width(), "{text:?}");
                    assert!(text.top() >= 0.0 && text.bottom() <= size.height(), "{text:?}");
                })
                .count()
        }
        let long = "W".repeat(500);
        for (n_columns, text) in [(1, "short"), (6, "Impact of restoring state after it"), (48, &long)] {
            let mut map = map(&["a", text], n_columns);
            map.title = text.to_owned();
            map.x_name = text.to_owned();
            map.bar = text.to_owned();
            let svg = map.to_svg().unwrap();
            let tree = crate::picture::read(&svg).unwrap();
            assert!(inside(tree.root(), tree.size()) > 5);
        }
    }

    #[test]
    fn nothing_to_show_is_an_empty_picture() {
        for svg in [map(&[], 0).to_svg(), map(&["a", "b"], 0).to_svg()] {
            assert!(to_png(&svg.unwrap(), 1.0).is_ok());
        }
    }

    #[test]
    fn what_is_no_rectangle_or_has_no_range_is_refused() {
        let mut labels = map(&["a", "b"], 2);
        labels.rows.pop();
        assert!(matches!(labels.to_svg(), Err(PlotError::Labels { labels: 1, rows: 2 })));
        let mut ragged = map(&["a", "b"], 2);
        ragged.values[1].push(0.0);
        let error = ragged.to_svg().unwrap_err();
        assert_eq!(error.to_string(), "row 1 of the heat map has 3 values and the first row 2");
        let mut range = map(&["a"], 2);
        range.range = Some((0.0, f64::NAN));
        assert!(matches!(range.to_svg(), Err(PlotError::Range(..))));
    }
}
