//! What stands in the fields of a transaction's document.

use std::{fmt, marker::PhantomData, time::Duration};

use bytes::Bytes;
use common::types::Operator;
use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{commands::lifetime::parse_ttl, output::bytes::from_base64};

/// For `#[serde(default, deserialize_with)]`: a field that may be missing, but not be null. Null is
/// what a program writes that has lost a value; to go on without it would be to guess.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// An object; a struct alone would also be read from an array of its fields.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// A number of 64 bits, as JSON has it or in a string, as raftctl prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;

        impl Visitor<'_> for Digits {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of 64 bits")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                match text.parse() {
                    Ok(number) => Ok(Number(number)),
                    Err(_) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(Digits)
    }
}

/// Bytes that are written as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Text(pub(super) Bytes);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Bytes that are written as base64.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Base64(pub(super) Bytes);

impl TryFrom<String> for Base64 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = from_base64(&text).ok_or("not base64 with padding, like aGk=")?;
        Ok(Self(bytes.into()))
    }
}

/// A time to live, like "30s".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ttl(pub(super) Duration);

impl TryFrom<String> for Ttl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_ttl(&text).map(Self)
    }
}

/// What something is compared with: `{"ge": 3, "lt": 10}`, all of which must hold; `3` alone is
/// `{"eq": 3}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Versus<T>(pub(super) Vec<(Operator, T)>);

/// The names of the operators.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OperatorName {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl From<OperatorName> for Operator {
    fn from(name: OperatorName) -> Self {
        match name {
            OperatorName::Eq => Self::Equal,
            OperatorName::Ne => Self::NotEqual,
            OperatorName::Lt => Self::Less,
            OperatorName::Le => Self::LessOrEqual,
            OperatorName::Gt => Self::Greater,
            OperatorName::Ge => Self::GreaterOrEqual,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Versus<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VersusVisitor(PhantomData))
    }
}

struct VersusVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> VersusVisitor<T> {
    /// A bare value. Whether it is one that can be compared with is for `T` to say.
    fn equal<E: de::Error>(value: impl IntoDeserializer<'de, E>) -> Result<Versus<T>, E> {
        let value = T::deserialize(value.into_deserializer())?;
        Ok(Versus(vec![(Operator::Equal, value)]))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for VersusVisitor<T> {
    type Value = Versus<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or an object of eq, ne, lt, le, gt, ge")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut versus = Vec::new();
        // As a string first: the path to a mistake in the value is made of strings.
        while let Some(name) = map.next_key::<String>()? {
            let name = OperatorName::deserialize(name.into_deserializer())?;
            versus.push((name.into(), map.next_value()?));
        }
        if versus.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(Versus(versus))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Self::equal(text)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::equal(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Self::equal(number)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Self::equal(number)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Self::equal(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_may_be_a_string() {
        assert_eq!(read("7"), Ok(Number(7)));
        assert_eq!(read(r#""18446744073709551615""#), Ok(Number(u64::MAX)));
        for wrong in [
            "-1",
            "1.5",
            "18446744073709551616",
            r#""7x""#,
            "true",
            "null",
        ] {
            let error = read::<Number>(wrong).unwrap_err();
            assert!(error.contains("a whole number of 64 bits"), "{error}");
        }
    }

    #[test]
    fn a_bare_value_means_equal_and_several_operators_are_a_range() {
        assert_eq!(read("3"), Ok(Versus(vec![(Operator::Equal, Number(3))])));
        assert_eq!(
            read(r#"{"ge": 3, "lt": "10"}"#),
            Ok(Versus(vec![
                (Operator::GreaterOrEqual, Number(3)),
                (Operator::Less, Number(10)),
            ]))
        );
        assert_eq!(
            read(r#"{"ne": "a"}"#),
            Ok(Versus(vec![(Operator::NotEqual, Text("a".into()))]))
        );
        assert!(read::<Versus<Number>>("{}").unwrap_err().contains("eq, ne"));
        assert!(
            read::<Versus<Number>>(r#"{"like": 3}"#)
                .unwrap_err()
                .contains("`like`")
        );
        assert!(read::<Versus<Text>>("3").unwrap_err().contains("a string"));
    }

    #[test]
    fn base64_and_times_to_live_are_checked() {
        assert_eq!(read(r#""/w==""#), Ok(Base64(Bytes::from_static(b"\xff"))));
        assert!(read::<Base64>(r#""/w""#).unwrap_err().contains("base64"));
        assert_eq!(read(r#""30s""#), Ok(Ttl(Duration::from_secs(30))));
        assert!(read::<Ttl>(r#""30""#).unwrap_err().contains("500ms"));
    }
}
